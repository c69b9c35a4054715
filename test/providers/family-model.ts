/** Answers of each family's models, as the chunks of a stream. */
import { chunk } from './provider-server.ts'

/** The form of reasoning by family. */
const thoughtsOf: Record<string, (text: string) => object> = {
  openai: () => ({}),
  groq: (reasoning) => ({ reasoning }),
  mistral: (text) => ({
    content: [{ type: 'thinking', thinking: [{ type: 'text', text }] }],
  }),
  deepseek: (reasoning_content) => ({ reasoning_content }),
  kimi: (reasoning_content) => ({ reasoning_content }),
  openrouter: (reasoning) => ({
    reasoning,
    reasoning_details: [{ type: 'reasoning.text', text: reasoning, index: 0, signature: null }],
  }),
  gemini: () => ({}),
  vllm: (reasoning) => ({ reasoning }),
  ollama: (reasoning) => ({ reasoning }),
}

export interface Step {
  thought: string | undefined
  text: string
  call: { id: string; name: string; input: string } | undefined
}

export function deltasOf(family: string, { thought, text, call }: Step): object[] {
  const empty = family === 'deepseek' || family === 'kimi' ? '' : undefined
  const reasoning = thought ?? empty
  const signature =
    family === 'gemini' ? { extra_content: { google: { thought_signature: 'SIG' } } } : {}
  return [
    ...(reasoning === undefined ? [] : [chunk(thoughtsOf[family]?.(reasoning) ?? {})]),
    ...(text === '' ? [] : [chunk({ content: text })]),
    ...(call === undefined
      ? []
      : [
          chunk({
            tool_calls: [
              {
                index: 0,
                id: call.id,
                type: 'function',
                function: { name: call.name, arguments: call.input },
                ...signature,
              },
            ],
          }),
        ]),
    chunk({}, call === undefined ? 'stop' : 'tool_calls'),
  ]
}

/** A refusal that only the model's own reasoning or signature can correct. The request is then repeated. */
export const isMendable = (refusal: string): boolean =>
  /passed back|missing a thought_signature|reasoning_content is missing/.test(refusal)

const modelIds: Record<string, string> = { openai: 'gpt-4o', gemini: 'gemini-3-flash' }
/** The provider `openai` uses the Responses API. */
const providerOf: Record<string, string> = { openai: 'gateway' }

/** `provider/model-id` of a family's model. */
export const modelOf = (family: string): string =>
  `${providerOf[family] ?? family}/${modelIds[family] ?? 'm'}`

/** The setting of a server with one path per family. */
export const addressOf = (family: string, root: string): Record<string, string> => ({
  [`${(providerOf[family] ?? family).toUpperCase()}_BASE_URL`]: `${root}/${family}`,
})
