import {
  DeleteCommand,
  type DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { tableErrors } from './table-errors.ts';

/** What lies under a sort key. */
export type Item = Readonly<Record<string, unknown>>;

/** The condition and the values of an expression, as DynamoDB has them. */
export interface Expressed {
  readonly condition?: string;
  readonly names?: Readonly<Record<string, string>>;
  readonly values?: Readonly<Record<string, unknown>>;
}

export interface Range {
  /** What the sort keys begin with. */
  readonly prefix: string;
  /** Only keys after this one. */
  readonly after?: string;
  /** Only keys up to this one. */
  readonly to?: string;
  /** The most items; all when absent. */
  readonly limit?: number;
  /** Also items past their expiry. */
  readonly expired?: boolean;
  /** The last keys first. */
  readonly descending?: boolean;
}

/** The attribute, in seconds since 1970, by which the table forgets an item. */
export const expiryAttribute = 'expires';

/** Sorts after everything that a key is made of. */
const last = '\uffff';

/**
 * The items of one partition of the table, by sort key. An item past its expiry is not there: the table itself takes up
 * to days to remove it.
 *
 * All methods throw StoreUnavailable or StoreRejected.
 */
export class Partition {
  readonly #client: DynamoDBDocumentClient;
  readonly #partition: string;
  readonly #name: string;

  /** @param name of the table */
  constructor(client: DynamoDBDocumentClient, partition: string, name: string) {
    this.#client = client;
    this.#partition = partition;
    this.#name = name;
  }

  async get<T extends object = Item>(key: string): Promise<T | undefined> {
    const command = new GetCommand({ ...this.#at(key), ConsistentRead: true });
    const { Item } = await tableErrors(key, () => this.#client.send(command));
    return Item && isCurrent(Item) ? (content(Item) as T) : undefined;
  }

  /** @returns whether the condition held; without one, true */
  async put(key: string, item: object, { condition, names, values }: Expressed = {}): Promise<boolean> {
    const command = new PutCommand({
      ...{ TableName: this.#name, Item: { ...item, ...this.#at(key).Key } },
      ...(condition ? { ConditionExpression: condition } : {}),
      ...expressed(names, values),
    });
    return (await this.#conditional(key, async () => void (await this.#client.send(command)))) !== failed;
  }

  /** Puts an item where there is none; one past its expiry counts as none. @returns whether it did */
  create(key: string, item: object): Promise<boolean> {
    return this.put(key, item, {
      condition: 'attribute_not_exists(pk) OR #expires <= :now',
      names: { '#expires': expiryAttribute },
      values: { ':now': Math.floor(Date.now() / 1000) },
    });
  }

  /**
   * Changes an item by an update expression, which makes it where there is none unless the condition forbids that.
   *
   * @returns what it then is, or undefined when the condition did not hold
   */
  async update<T extends object = Item>(
    key: string,
    expression: string,
    { condition, names, values }: Expressed = {},
  ): Promise<T | undefined> {
    const command = new UpdateCommand({
      ...{ ...this.#at(key), UpdateExpression: expression, ReturnValues: 'ALL_NEW' },
      ...(condition ? { ConditionExpression: condition } : {}),
      ...expressed(names, values),
    });
    const result = await this.#conditional(key, async () => (await this.#client.send(command)).Attributes ?? {});
    return result === failed ? undefined : (content(result) as T);
  }

  /** Items in the order of their sort keys, which each has as `sk`. */
  async query<T extends object = Item>(range: Range): Promise<(T & { readonly sk: string })[]> {
    const {
      prefix,
      after,
      to = prefix + last,
      limit = Number.POSITIVE_INFINITY,
      descending = false,
      expired = false,
    } = range;
    const items: Item[] = [];
    let start: Record<string, unknown> | undefined;
    do {
      const command = new QueryCommand({
        ...{ TableName: this.#name, ConsistentRead: true, ScanIndexForward: !descending },
        KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to',
        // The key given is between, too, and is left out below. No key is empty.
        ExpressionAttributeValues: { ':pk': this.#partition, ':from': (after ?? prefix) || ' ', ':to': to },
        ...(Number.isFinite(limit) ? { Limit: limit - items.length + 1 } : {}),
        ...(start ? { ExclusiveStartKey: start } : {}),
      });
      const page = await tableErrors(prefix, () => this.#client.send(command));
      items.push(...(page.Items ?? []).filter((item) => item.sk !== after && (expired || isCurrent(item))));
      start = page.LastEvaluatedKey;
    } while (start && items.length < limit);
    return items.slice(0, limit).map(({ pk, ...rest }) => rest as T & { sk: string });
  }

  async delete(key: string): Promise<void> {
    await tableErrors(key, () => this.#client.send(new DeleteCommand(this.#at(key))));
  }

  #at(key: string) {
    return { TableName: this.#name, Key: { pk: this.#partition, sk: key } };
  }

  async #conditional<T>(key: string, act: () => Promise<T>): Promise<T | typeof failed> {
    try {
      return await tableErrors(key, act);
    } catch (error) {
      if ((error as Error & { cause?: Error }).cause?.name === 'ConditionalCheckFailedException') return failed;
      throw error;
    }
  }
}

const failed = Symbol('the condition did not hold');

function expressed(names: Expressed['names'], values: Expressed['values']) {
  return {
    ...(names ? { ExpressionAttributeNames: { ...names } } : {}),
    ...(values ? { ExpressionAttributeValues: { ...values } } : {}),
  };
}

function content({ pk, sk, ...rest }: Item): Item {
  return rest;
}

function isCurrent(item: Item): boolean {
  const expires = item[expiryAttribute];
  return typeof expires !== 'number' || expires * 1000 > Date.now();
}
