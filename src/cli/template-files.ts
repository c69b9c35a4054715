/** The files of a new project. Their names end in `.txt`, because they belong to no program here. */
import { assetFolder } from '../ground/asset.ts'

export const templateFiles: (name: string) => Buffer | undefined = assetFolder('src/cli/template')
