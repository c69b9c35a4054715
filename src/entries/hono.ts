/** The exports of `loomkit/hono`: agents as routes of a Hono app. */
import '../ground/node-version.ts'

export { agUiRoutes, type AgUiRoutesOptions } from '../../routes/ag-ui.ts'
export type { LoomRoutes } from '../../routes/loom-routes.ts'
export { mcpRoutes, type McpRoutesOptions } from '../../routes/mcp.ts'
export { openAiRoutes, type OpenAiRoutesOptions } from '../../routes/openai.ts'
export { sessionRoutes, type SessionRoutesOptions } from '../../routes/session.ts'
export { streamAgent } from '../library.ts'
export type { StreamAgentOptions } from '../stream-agent.ts'
