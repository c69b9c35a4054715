/** Variables of models, of Loom and of its store. No command gets these, whatever a setting lists. */
const secret = /_API_KEYS?$|^LOOM_|^REDIS_URL$/

/** Whether a variable is Loom's own, so that a command must not know it. */
export const isSecretOfLoom = (name: string): boolean => secret.test(name)
