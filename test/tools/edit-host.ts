/**
 * A process that makes one edit as the runner does, for a test to kill. Arguments: workspace, key. The edit
 * begins at the end of stdin, so that the test knows its beginning also on a busy machine.
 */
import { text } from 'node:stream/consumers'

import { Workspace } from '../../src/machine/workspace.ts'
import { editFile } from '../../tools/edit-file.ts'
import { callAs } from './files-stage.ts'

const [root = '', id = ''] = process.argv.slice(2)
const tool = editFile(await Workspace.open(root))
process.stdout.write('ready\n')
await text(process.stdin)
await callAs(tool, { path: 'a.txt', edits: [{ old: '<here>', new: '<here>added' }] }, { id })
process.stdout.write('done\n')
