/**
 * Whose rights a confined command has where Loom runs as root. The owner of the workspace is to own
 * what commands write there, and root's files are not to be theirs to read. A workspace of root's own
 * leaves no other choice than root, without its capabilities.
 */
import { execFile } from 'node:child_process'
import { stat } from 'node:fs/promises'

/** A user and a group of the system, as numbers. */
export interface Owner {
  uid: number
  gid: number
}

/** The user to run as, or undefined to stay as Loom is. */
export async function ownerOf(workspace: string): Promise<Owner | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const { uid, gid } = await stat(workspace)
  return uid === 0 ? undefined : { uid, gid: gid === 0 ? uid : gid }
}

/** Gives up root before anything else is done. Nothing that is executed gets it back. */
export const asOwner = ({ uid, gid }: Owner): [string, ...string[]] => [
  'setpriv',
  `--reuid=${uid}`,
  `--regid=${gid}`,
  '--clear-groups',
  '--bounding-set=-all',
  '--inh-caps=-all',
  '--',
]

/** Those of the paths that the user may read: a sandbox cannot show a command more. */
export async function readableBy(owner: Owner, paths: readonly string[]): Promise<string[]> {
  const script = 'for path; do if test -r "$path"; then echo y; else echo n; fi; done'
  const [program, ...rest] = [...asOwner(owner), 'sh', '-c', script, 'loom', ...paths]
  const said = await new Promise<string>((resolve) => {
    execFile(program, rest, { timeout: 10_000 }, (_error, stdout) => resolve(stdout))
  })
  const answers = said.split('\n')
  return paths.filter((_, index) => answers[index] === 'y')
}
