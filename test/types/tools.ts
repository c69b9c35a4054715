/** Compiles: tools keep their types, here and in a frontend. */
import { generateText, type InferUITool, type InferUITools, type UIToolInvocation } from 'ai'
import type { ToolSetOf, UIToolsOf } from 'loomkit'

import { calculator } from '../../tools/calculator.ts'
import { clock } from '../../tools/clock.ts'
import {
  account,
  type byFirstCall,
  type byFunction,
  type bySet,
  type bySubAgent,
  type byTool,
  type color,
  counter,
  type mixed,
} from './agents.ts'
import { type Equal, expectType } from './equal.ts'

interface Sum {
  input: { expr: string }
  output: { result: number }
}

expectType<Equal<(typeof calculator)['name'], 'calculator'>>()
expectType<
  Equal<
    InferUITool<typeof account>,
    { input: { id: number }; output: { owner: string; id: number } }
  >
>()
expectType<Equal<InferUITool<typeof counter>, { input: { to: number }; output: { at: number } }>>()
expectType<Equal<InferUITool<typeof color>, { input: { question: string }; output: string }>>()

/** A list of tools is a record by name. */
const list = [calculator, clock, account] as const
type Listed = InferUITools<ToolSetOf<typeof list>>
expectType<Equal<keyof Listed, 'calculator' | 'clock' | 'account'>>()
expectType<Equal<Listed['calculator'], { [KEY in keyof Sum]: Sum[KEY] }>>()

/** A record of tools needs no conversion. */
const record = { calculator, account }
expectType<Equal<InferUITools<typeof record>['account']['input'], { id: number }>>()

/** The tools of an agent. */
expectType<Equal<keyof UIToolsOf<typeof byTool>, 'calculator' | 'account'>>()
expectType<Equal<keyof UIToolsOf<typeof bySet>, 'account' | 'counter'>>()
expectType<Equal<keyof UIToolsOf<typeof byFirstCall>, 'calculator' | 'account'>>()
expectType<Equal<keyof UIToolsOf<typeof byFunction>, 'calculator' | 'clock'>>()
expectType<Equal<keyof UIToolsOf<typeof bySubAgent>, 'by-tool' | 'helper'>>()
expectType<Equal<keyof UIToolsOf<typeof mixed>, 'calculator' | 'color' | 'weather' | 'account'>>()
expectType<Equal<UIToolsOf<typeof mixed>['weather']['input'], { city: string }>>()
expectType<Equal<UIToolsOf<typeof bySubAgent>['helper']['input'], { prompt: string }>>()

export const ownerOf = (call: UIToolInvocation<typeof account>): string =>
  call.state === 'output-available' ? call.output.owner : `account ${call.input?.id}`

/** The AI SDK takes Loom's tools. */
export const answer = () =>
  generateText({ model: 'x/y', prompt: 'Hi', tools: { calculator, counter } })
