/**
 * A process that runs one bash command and tells how it went, as one line of JSON: to be killed, or
 * to have its memory measured. Arguments: a confinement, a workspace, a command.
 */
import { bash } from '../../tools/bash.ts'
import { callTool } from './called-tool.ts'
import { type Confinement, sandboxOf } from './sandboxes.ts'

const [kind = '', workspace = '', command = ''] = process.argv.slice(2)

const isConfinement = (text: string): text is Confinement =>
  ['bwrap', 'unshare', 'none'].includes(text)

if (!isConfinement(kind)) throw new Error(`${kind} is no confinement`)

const tool = bash({
  workspace,
  environment: { PATH: process.env['PATH'] },
  sandbox: sandboxOf(kind),
  logParent: workspace,
  logBytesMax: 1024 * 1024,
})
// What any command costs is not what a long one costs.
await callTool(tool, { command: 'seq 100000' })
const before = process.resourceUsage().maxRSS
const { output } = await callTool(tool, { command })
const kilobytes = process.resourceUsage().maxRSS - before
process.stdout.write(JSON.stringify({ output, kilobytes }))
