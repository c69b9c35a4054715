/** The files of the playground. */
import { assetFolder } from '../src/ground/asset.ts'

export const playgroundFiles: (name: string) => Buffer | undefined = assetFolder('web')
