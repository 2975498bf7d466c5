import { setFlagsFromString } from 'node:v8'

/**
 * Lets every object begin its life among the young ones. The engine puts objects among the old at once where those made by the
 * same line were kept before, as resolved rights are that sessions use; of the very many that long work makes there and drops,
 * each then holds on to what it refers to, and the short pauses for garbage become long ones.
 */
export function beginAllYoung(): void {
  setFlagsFromString('--no-allocation-site-pretenuring')
}
