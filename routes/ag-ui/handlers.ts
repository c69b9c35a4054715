/** The handlers of the routes of AG-UI, which load at their first request. */
export { capabilities } from './capabilities.ts'
export { run } from './run.ts'
