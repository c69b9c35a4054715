import { useChat as useChat5 } from 'ai-react5'
import { useChat as useChat6 } from 'ai-react6'
import { useChat as useChat7 } from 'ai-react7'
/** Compiles: `useChat` of ai 5, 6 and 7 has the types of an agent's tools. */
import type { UIMessage as UIMessage5 } from 'ai5'
import type { UIMessage as UIMessage6 } from 'ai6'
import type { AnswerMetadata, UIMessageOf, UIToolsOf } from 'loomkit'

import type { mixed } from './agents.ts'
import { type Equal, expectType } from './equal.ts'

type Tools = UIToolsOf<typeof mixed>
type Message5 = UIMessage5<AnswerMetadata, never, Tools>
type Message6 = UIMessage6<AnswerMetadata, never, Tools>
type Message7 = UIMessageOf<typeof mixed>

/** The result of the calculator in a message. */
type PartOf<MESSAGE extends { parts: readonly { type: string }[] }, TYPE> = Extract<
  MESSAGE['parts'][number],
  { type: TYPE }
>
type ResultOf<PART> = PART extends { state: 'output-available'; output: infer OUTPUT }
  ? OUTPUT
  : never

expectType<Equal<ResultOf<PartOf<Message5, 'tool-calculator'>>, { result: number }>>()
expectType<Equal<ResultOf<PartOf<Message6, 'tool-calculator'>>, { result: number }>>()
expectType<Equal<ResultOf<PartOf<Message7, 'tool-calculator'>>, { result: number }>>()
expectType<Equal<PartOf<Message7, 'tool-nothing'>, never>>()
expectType<Equal<Message7['metadata'], AnswerMetadata | undefined>>()

export function usePage() {
  const five = useChat5<Message5>()
  const six = useChat6<Message6>()
  const seven = useChat7<Message7>()
  void five.addToolResult({ tool: 'color', toolCallId: 'c', output: 'red' })
  void six.addToolOutput({ tool: 'color', toolCallId: 'c', output: 'red' })
  void seven.addToolOutput({ tool: 'color', toolCallId: 'c', output: 'red' })
  const owners = seven.messages.flatMap(({ parts }) =>
    parts.flatMap((part) =>
      part.type === 'tool-account' && part.state === 'output-available' ? [part.output.owner] : [],
    ),
  )
  return { owners, cost: seven.messages.at(-1)?.metadata?.cost?.usd }
}
