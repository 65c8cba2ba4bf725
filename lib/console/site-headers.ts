/** What the page may do: load its own files, and ask its own service. */
export const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Of every file of the console. */
export const siteHeaders = {
  'content-security-policy': contentSecurityPolicy,
  'cross-origin-opener-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const;

/** Files whose names change with what is in them. */
export const isLasting = (path: string) => /-[0-9a-f]{12}\.(js|css)$/.test(path);

export const lastingCache = 'public, max-age=31536000, immutable';
export const freshCache = 'no-cache';
