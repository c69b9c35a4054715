/** Common short names of providers, also those of LoomEx, where models.dev has another id. */

const aliases: ReadonlyMap<string, string> = new Map([
  ['fireworks', 'fireworks-ai'],
  ['together', 'togetherai'],
  ['gemini', 'google'],
  ['grok', 'xai'],
  ['kimi', 'moonshotai'],
  ['moonshot', 'moonshotai'],
  ['zhipu', 'zhipuai'],
  ['dashscope', 'alibaba'],
  ['qwen', 'alibaba'],
  ['novita', 'novita-ai'],
  ['hf', 'huggingface'],
  ['nim', 'nvidia'],
  ['workers-ai', 'cloudflare-workers-ai'],
  ['snowflake', 'snowflake-cortex'],
  ['lm-studio', 'lmstudio'],
  ['bedrock', 'amazon-bedrock'],
  ['vertex', 'google-vertex'],
])

/** Returns the id of a short name, or the name itself. */
export const aliasOf = (name: string): string => aliases.get(name) ?? name

export const shortNames: readonly string[] = [...aliases.keys()]
