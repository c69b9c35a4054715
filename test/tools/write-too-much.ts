/** Writes more than the file size limit of its process. Prints the tool's error. */
import { errorMessage } from '../../src/ground/error.ts'
import { Workspace } from '../../src/machine/workspace.ts'

const workspace = await Workspace.open(process.argv[2] ?? '')
const errorText = await workspace
  .change({
    path: 'a.txt',
    key: 'session:call',
    reader: 'session',
    signal: new AbortController().signal,
    create: true,
    keepBytes: 0,
    bytesMax: Number.POSITIVE_INFINITY,
    make: () => Buffer.alloc(1024 * 1024, 'x'),
  })
  .then(() => 'written', errorMessage)
process.stdout.write(errorText)
