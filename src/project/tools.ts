/** The tools that modules export, by name. */
import { parse } from 'node:path'

import type { ActingTool } from '../acting.ts'
import type { NamedTool } from '../tool.ts'
import { completeTool, isActingTool, isTool, valuesOf } from './exports.ts'
import { exportsOf } from './load-module.ts'
import type { ModuleFile } from './module-file.ts'

export type AppTool = NamedTool | ActingTool

/**
 * Returns the tool with this name. It loads the file that has the name of the tool first, and all files
 * only if this one does not export the tool.
 * @throws LoomError `invalid-config` if a file cannot be loaded
 */
export async function toolNamed(
  name: string,
  files: readonly ModuleFile[],
): Promise<AppTool | undefined> {
  const namesakes = files.filter(({ path }) => parse(path).name.replaceAll('-', '_') === name)
  for (const some of [namesakes, files]) {
    const found = (await toolsOf(some)).find((tool) => tool.name === name)
    if (found !== undefined) return found
  }
  return undefined
}

/** Returns all tools. A file without a tool is a part of the others. @throws LoomError `invalid-config` */
export async function toolsOf(files: readonly ModuleFile[]): Promise<AppTool[]> {
  const exported = await Promise.all(files.map(exportsOf))
  const values = [...new Set(exported.flatMap(valuesOf))]
  return values.flatMap((value): AppTool[] => {
    if (isActingTool(value)) return [value]
    return isTool(value) ? [completeTool(value)] : []
  })
}
