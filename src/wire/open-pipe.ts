/** Opens the pipe of a streamed answer for the current runtime. */
import type { Context } from 'hono'

import { NodePipe, outgoingOf } from './node-pipe.ts'
import type { Pipe, PipeListener } from './pipe.ts'
import { WebPipe } from './web-pipe.ts'

/** Chooses the shortest path: the socket itself under Node, a web stream on any other runtime. */
export function openPipe(
  c: Context,
  headers: Readonly<Record<string, string>>,
  listener: PipeListener,
): Pipe {
  const outgoing = outgoingOf(c)
  return outgoing === undefined
    ? new WebPipe(c, headers, listener)
    : new NodePipe({ c, outgoing, headers, listener })
}
