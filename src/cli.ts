#!/usr/bin/env -S node --v8-pool-size=0
import { enableCompileCache } from 'node:module'

// Stripping types and compiling is half of a start; the cache keeps both for the next one.
enableCompileCache()
await import('./cli/program.ts')
