import type { ImportItem, ImportLimits, Place, ReadOptions } from './model.ts'
import type { Template } from './template.ts'

/** The template beside a file, or one that adds nothing; with what there is to say about it. */
export async function readTemplate(
  _options: ReadOptions,
  _limits: ImportLimits,
  place: Place,
): Promise<{ template: Template; items: ImportItem[] }> {
  return {
    template: { place, items: [], accessMode: 'merge', restrictionMode: 'merge', isDryRun: false },
    items: [],
  }
}
