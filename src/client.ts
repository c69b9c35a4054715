/**
 * The client for browsers and other programs with `fetch`. A chat continues after a lost connection
 * and after the death of a server instance, and `useChat` sees neither. It imports no package, so a page
 * without a bundler can load the built file.
 */
export type { AttachOptions, ChatPage } from './client/attach.ts'
export type { LoomTransport } from './client/transport.ts'
export type { HistoryPart } from './client/history.ts'
export type { WatchOptions } from './client/watch.ts'
export { followSession } from './client/follow-session.ts'
export {
  loomChat,
  type ChatBranch,
  type LoomChat,
  type LoomChatOptions,
} from './client/loom-chat.ts'
export { LoomClientError } from './client/error.ts'
export { resumableFetch, type ResumableFetchOptions } from './client/resumable-fetch.ts'
export { stopChat } from './client/stop-chat.ts'
