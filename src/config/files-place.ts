/** The settings of the place of the files of messages: a folder, or a bucket with the API of S3. */
import { isAbsolute, resolve } from 'node:path'

import { z } from 'zod/v4'

import { LoomError } from '../ground/error.ts'

/** The place of the files of messages. */
export type FilesPlace = { kind: 'folder'; folder: string } | ({ kind: 's3' } & Bucket)

/** A bucket of S3, or of a store with the same API. */
export interface Bucket {
  /** The address of the API, without the bucket. */
  endpoint: string
  bucket: string
  /** The begin of every key: '' or a text that ends in `/`. */
  prefix: string
  region: string
  keyId: string
  secretKey: string
}

export interface FilesSettings {
  LOOM_FILES?: string | undefined
  LOOM_FILES_ENDPOINT?: string | undefined
  LOOM_FILES_REGION: string
  LOOM_FILES_KEY_ID?: string | undefined
  LOOM_FILES_SECRET_KEY?: string | undefined
}

export const addressSetting = () =>
  z
    .string()
    .refine(
      (text) => /^https?:\/\//.test(text) && URL.canParse(text),
      'must be an address such as https://s3.example.com',
    )

const bucketForm = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/([\w.-]+(?:\/[\w.-]+)*)?\/?)?$/

/** @throws LoomError `invalid-config` */
export function filesPlaceOf(set: FilesSettings): FilesPlace | undefined {
  const { LOOM_FILES: place, LOOM_FILES_ENDPOINT, LOOM_FILES_REGION: region } = set
  if (place === undefined) return undefined
  if (!place.startsWith('s3:')) {
    return { kind: 'folder', folder: isAbsolute(place) ? place : resolve(place) }
  }
  const [, bucket, prefix = ''] = bucketForm.exec(place) ?? []
  if (bucket === undefined) {
    throw new LoomError(
      'invalid-config',
      'LOOM_FILES must be a folder, or s3://bucket or s3://bucket/prefix.',
    )
  }
  const { LOOM_FILES_KEY_ID: keyId, LOOM_FILES_SECRET_KEY: secretKey } = set
  if (keyId === undefined || secretKey === undefined) {
    throw new LoomError(
      'invalid-config',
      'LOOM_FILES names a bucket: set LOOM_FILES_KEY_ID and LOOM_FILES_SECRET_KEY too.',
    )
  }
  return {
    kind: 's3',
    endpoint: LOOM_FILES_ENDPOINT ?? `https://s3.${region}.amazonaws.com`,
    bucket,
    prefix: prefix === '' ? '' : `${prefix}/`,
    region,
    keyId,
    secretKey,
  }
}
