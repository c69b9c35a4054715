/** The files of this folder: the list of models that is part of Loom. */
import { assetFolder } from '../../ground/asset.ts'

export const shippedFiles: (name: string) => Buffer | undefined = assetFolder('src/model/registry')
