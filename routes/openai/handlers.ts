/** The handlers of the routes of OpenAI's API, which load at their first request. */
export { chatCompletions } from './chat-completions.ts'
export { model, models } from './models.ts'
export { createResponse } from './responses.ts'
export {
  cancelResponse,
  deleteResponse,
  listInputItems,
  retrieveResponse,
} from './response-handlers.ts'
