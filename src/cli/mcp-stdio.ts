/** The stdin and stdout of `loom mcp`. */
import { Writable } from 'node:stream'

/** Resolves when the client closes stdin, or a signal ends the command. */
export function endOf(program: NodeJS.Process): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const end = () => resolve()
  program.stdin.once('end', end).once('close', end)
  program.once('SIGTERM', end).once('SIGINT', end)
  return promise
}

/**
 * Returns the real stdout for the messages of the protocol. Everything else that writes to stdout, such as
 * `console.log` in a tool, goes to stderr from now on.
 */
export function takeStdout({ stdout, stderr }: NodeJS.Process): Writable {
  const write = stdout.write.bind(stdout)
  stdout.write = stderr.write.bind(stderr)
  const output = new Writable({
    decodeStrings: false,
    write(chunk: string | Uint8Array, _encoding, done) {
      write(chunk, done)
    },
  })
  stdout.on('error', (error) => output.destroy(error))
  return output
}
