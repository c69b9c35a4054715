/** The exports of `loomkit/testing`, for tests of agents and of stores. They import no test runner. */
import '../ground/node-version.ts'

export { storeContract, type StoreContractOptions } from '../testing/store-contract.ts'
export type { TestBounds, TestRunner } from '../testing/store-contract/subject.ts'
export { type FakeClock, fakeClock } from '../testing/fake-clock.ts'
export type { ModelCall } from '../testing/model-call.ts'
export { recordTest, type RecordSource, type RecordTestOptions } from '../testing/record-test.ts'
export type { RecordedCall, RecordedStep, RecordedTurn } from '../testing/recorded-turn.ts'
export { type ReplayOptions, replaySession } from '../testing/replay-session.ts'
export {
  type ScriptedModel,
  scriptedModel,
  type ScriptedModelOptions,
  type ScriptedStep,
} from '../testing/scripted-model.ts'
export { scriptedModels } from '../testing/scripted-models.ts'
export type {
  ScriptedCall,
  ScriptedFailure,
  ScriptedReply,
  ScriptedUsage,
} from '../testing/scripted-reply.ts'
