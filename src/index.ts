/** The exports of Loom as a library. */
import './ground/node-version.ts'

export { AgentSession } from './agent-session.ts'
export type { ScheduleOptions, SendOptions } from './agent-session/options.ts'
export type { TaskInfo } from './task.ts'
export type { CallSchedules, ScheduleInfo, ScheduleTime } from './schedule.ts'
export { type Agent, type AgentDefinition, type AnyAgent, defineAgent } from './agent.ts'
export type { AnswerMetadata } from './answer-metadata.ts'
export type { ContextOption } from './context-option.ts'
export type {
  Budget,
  ErrorDecision,
  OfContext,
  RetryPolicy,
  StepDecision,
  StepInfo,
  TimeLimits,
} from './agent.ts'
export type {
  AgentCompaction,
  CompactionInfo,
  CompactionOptions,
  CompactMessages,
} from './compaction.ts'
export { agentTool } from './agent-tool.ts'
export type { AgentToolOutput } from './agent-tool/output.ts'
export type { DataPart, DataSchemas, DataTypesOf } from './data-part.ts'
export { defineTool } from './define-tool.ts'
export type { Clock } from './ground/clock.ts'
export { LoomError, type LoomErrorCode } from './ground/error.ts'
export type { Principal, Scope } from './ground/principal.ts'
export type { AgentEvent, FinishReason } from './event.ts'
export { type Mcp, openMcp } from './mcp.ts'
export type { McpOptions, McpServer } from './mcp/server-options.ts'
export { Loom, run, startAgent, type StartAgentOptions, stream, streamAgent } from './library.ts'
export type { LoomOptions, TaskOptions } from './loom.ts'
export { assistantMessage, systemMessage, userMessage } from './message.ts'
export type { ListedModel, ModelFacts, ModelReference, Models } from './model.ts'
export { Registry, type RegistryOptions } from './model/registry.ts'
export { overridesOf } from './model/registry/overrides.ts'
export { createModels } from './model/resolve.ts'
export { type RunOptions } from './run-options.ts'
export { type Outcome, type RunResult } from './run-result.ts'
export type { Sink } from './sink.ts'
export type { Cost, StepUsage } from './spending.ts'
export { portSink, type PostTarget } from './sink/port.ts'
export type {
  PrepareStepInfo,
  ProviderOptions,
  StepPreparation,
  ToolChoice,
} from './step-preparation.ts'
export type { AgentStream } from './stream.ts'
export { AnswerStream, type CallReply } from './session/answer-stream.ts'
export type { CallAnswer } from './session/call-answer.ts'
export type { OpenCall, SessionInfo } from './session/session-info.ts'
export type { StopReply } from './session/session-stop.ts'
export type { Store } from './store.ts'
export type { FileStoreOptions } from './store/file.ts'
export { type MemoryStoreOptions, openMemoryStore } from './store/memory.ts'
export { openFileStore } from './store/open-file-store.ts'
export { openRedisStore } from './store/open-redis-store.ts'
export type { RedisStoreOptions, StoreCommand, StoreNotice } from './store/redis.ts'
export type { WhenBusy } from './store/letter.ts'
export type { StreamAgentOptions } from './stream-agent.ts'
export { attachOpenTelemetry } from './open-telemetry.ts'
export { attachDefaultLogger } from './ground/telemetry.ts'
export type {
  TelemetryEvent,
  TelemetryEvents,
  TelemetryMessage,
} from './ground/telemetry-events.ts'
export type { SystemPrompt, SystemPromptPart } from './system-prompt.ts'
export type {
  AfterToolDecision,
  AfterToolInfo,
  BeforeToolDecision,
  BeforeToolInfo,
} from './tool-hooks.ts'
export type {
  AgentTools,
  NamedTool,
  RetryClass,
  StepAttempt,
  ToolContext,
  ToolDefinition,
  TypedTool,
} from './tool.ts'
export type { ToolSetOf } from './tool-set.ts'
export type { UIDataOf, UIMessageOf, UIToolsOf } from './ui-message.ts'
export type { Usage } from './usage.ts'
export { openSandbox, type Sandbox } from './machine/sandbox.ts'
export { type SandboxMode, type SandboxOptions } from './machine/sandbox/options.ts'
export { Workspace } from './machine/workspace.ts'
export {
  type ActingAgent,
  type ActingTool,
  type ActingWorld,
  defineActingAgent,
  defineActingTool,
} from './acting.ts'
export { coder, type CoderOptions } from '../agents/coder/coder.ts'
export { bash, type BashOptions } from '../tools/bash.ts'
export { editFile, type EditFileOptions } from '../tools/edit-file.ts'
export { glob } from '../tools/glob.ts'
export { grep } from '../tools/grep.ts'
export { type Ask, human, type HumanOptions, type Question } from '../tools/human.ts'
export { readFile, type ReadFileOptions } from '../tools/read-file.ts'
export { type Reminder, remind } from '../tools/remind.ts'
export { writeFile, type WriteFileOptions } from '../tools/write-file.ts'
export { agUiRoutes, type AgUiRoutesOptions } from '../routes/ag-ui.ts'
export type { LoomRoutes } from '../routes/loom-routes.ts'
export { mcpRoutes, type McpRoutesOptions } from '../routes/mcp.ts'
export { openAiRoutes, type OpenAiRoutesOptions } from '../routes/openai.ts'
export { sessionRoutes, type SessionRoutesOptions } from '../routes/session.ts'
