/** Variables of model providers, of Loom, of its store and of its traces. No setting passes these to a command. */
const secretPattern = /_API_KEYS?$|^LOOM_|^REDIS_URL$|^OTEL_EXPORTER_OTLP_(?:TRACES_)?HEADERS$/

/** Returns whether an environment variable is Loom's own, so that no command may receive it. */
export const isSecretOfLoom = (name: string): boolean => secretPattern.test(name)
