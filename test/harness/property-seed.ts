import fc from 'fast-check'

// One seed for every ordinary run, so that a change is judged by the same worlds each time; TEST_SEED=<number> tries others.
fc.configureGlobal({ seed: Number(process.env.TEST_SEED ?? 20_261_122) })
