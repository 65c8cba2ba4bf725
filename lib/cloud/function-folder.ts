/** Metadata of a function's resource: its folder under functions/. */
export const functionFolder = 'slingshot:folder';
