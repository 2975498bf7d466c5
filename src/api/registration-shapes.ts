import { z } from 'zod'

const text = z.string().max(300)

/** What a stranger says about himself, in OpenEMS's shape; there is no role among it (OC-11). */
export const registration = z.object({
  firstname: text,
  lastname: text,
  phone: text.default(''),
  email: text,
  password: z.string().max(1000),
  address: z.object({ street: text, zip: text, city: text, country: text }),
  company: z.object({ name: text }).optional(),
  invitation: text.optional(),
})
