/** Where the local S3 has the catalog: the fleet's own, with the places where its models run here. */
export const localCatalog = { bucket: 'catalog', key: 'catalog.json' };

/** What names of stacks and endpoints begin with here. */
export const localPrefix = 'Slingshot';
