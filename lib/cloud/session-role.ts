/** Metadata of a role: that sessions of it are minted for a tenant, which the local cloud does, too. */
export const sessionRole = 'slingshot:session-role';
