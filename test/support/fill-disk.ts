import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { keptServices } from './kept-services.ts';

/**
 * A process on a small disk: `node fill-disk.ts DISK write` puts items and objects into a state folder until there is no
 * room, goes on for a while, has room again, goes on, and is killed; `... check TOLD` is the next one, which reads what
 * the first was told to be kept. Each prints JSON.
 */
const [disk, act, told = ''] = process.argv.slice(2);
const filler = join(disk, 'filler');
if (act === 'write') writeFileSync(filler, Buffer.alloc(3 * 2 ** 20, 1));
// A disk that is full is so at the second try, too.
const { items, objects } = await keptServices(join(disk, 'state'), 1);
const text = (number: number) => String(number % 10).repeat(60_000);
const key = (number: number) => ({ pk: { S: 'a' }, sk: { S: String(number) } });

async function write(): Promise<void> {
  const kept = { items: [] as number[], objects: [] as number[] };
  const refused = { items: new Set<string>(), objects: new Set<string>() };
  const put = async (number: number) => {
    const Item = { ...key(number), text: { S: text(number) } };
    await items.send(new PutItemCommand({ TableName: 'Table', Item })).then(
      () => kept.items.push(number),
      ({ name }: Error) => refused.items.add(name),
    );
    await objects.send(new PutObjectCommand({ Bucket: 'bucket', Key: `some/${number}`, Body: text(number) })).then(
      () => kept.objects.push(number),
      ({ name }: Error) => refused.objects.add(name),
    );
  };
  let number = 0;
  while (refused.items.size === 0 || refused.objects.size === 0) await put(number++);
  for (let more = 0; more < 5; more++) await put(number++);
  const full = number;
  rmSync(filler);
  for (let more = 0; more < 5; more++) await put(number++);
  const told = { kept, full, last: number, refused: { items: [...refused.items], objects: [...refused.objects] } };
  process.stdout.write(JSON.stringify(told), () => process.kill(process.pid, 'SIGKILL'));
}

async function check(): Promise<void> {
  const lost: string[] = [];
  const known: { items: number[]; objects: number[] } = JSON.parse(told).kept;
  for (const number of known.items) {
    const { Item } = await items.send(new GetItemCommand({ TableName: 'Table', Key: key(number) }));
    if (Item?.text.S !== text(number)) lost.push(`item ${number}`);
  }
  for (const number of known.objects) {
    const { Body } = await objects.send(new GetObjectCommand({ Bucket: 'bucket', Key: `some/${number}` }));
    if ((await Body?.transformToString()) !== text(number)) lost.push(`object ${number}`);
  }
  process.stdout.write(JSON.stringify({ lost }), () => process.exit());
}

await (act === 'write' ? write() : check());
