/** What the people of a project tell agents: the file `AGENTS.md` at its root (agents.md). */
import type { Workspace } from '../src/workspace.ts'

/** More than this is a manual, and would fill the model's window on every call. */
const bytesMax = 32 * 1024

/** The instructions of a workspace, for the system prompt; '' where there are none. */
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
    // Most projects have none. One that is no readable file is the reader's of files to tell.
    return ''
  }
}
