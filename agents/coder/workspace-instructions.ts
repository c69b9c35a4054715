/** Reads a project's instructions for agents: the file `AGENTS.md` at its root (https://agents.md). */
import type { Workspace } from '../../src/machine/workspace.ts'

/** A longer file would fill the model's context window on every call. */
const bytesMax = 32 * 1024

/** Returns the instructions of a workspace for the system prompt; '' if there are none. */
export async function workspaceInstructions(workspace: Workspace): Promise<string> {
  try {
    const { handle } = await workspace.openFile('AGENTS.md')
    try {
      const { buffer, bytesRead } = await handle.read(
        Buffer.alloc(bytesMax + 1),
        0,
        bytesMax + 1,
        0,
      )
      const text = new TextDecoder()
        .decode(buffer.subarray(0, Math.min(bytesRead, bytesMax)))
        .trim()
      const cut =
        bytesRead > bytesMax
          ? `\n[AGENTS.md is longer than ${bytesMax / 1024} KiB; read the rest where it matters]`
          : ''
      return text === ''
        ? ''
        : `\n\nThe project's own instructions, from AGENTS.md:\n\n${text}${cut}`
    } finally {
      await handle.close()
    }
  } catch {
    // Most projects have none. If the file is unreadable, `read_file` reports the reason.
    return ''
  }
}
