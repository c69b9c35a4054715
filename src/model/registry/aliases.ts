/** Short names of providers, as LoomEx and people say them, where models.dev has another id. */

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

/** The id that a short name stands for, or the name itself. */
export const aliasOf = (name: string): string => aliases.get(name) ?? name

export const shortNames: readonly string[] = [...aliases.keys()]
