/** Variables of model providers, of Loom and of its store. No setting passes these to a command. */
const secretPattern = /_API_KEYS?$|^LOOM_|^REDIS_URL$/

/** Returns whether an environment variable is Loom's own, so that no command may receive it. */
export const isSecretOfLoom = (name: string): boolean => secretPattern.test(name)
