// Error codes whose hints no test follows, each group with its reason; a code stands here or in a table of cases, not in both.

export interface NotExecuted {
  readonly because: string;
  readonly codes: readonly string[];
}

export const NOT_EXECUTED: readonly NotExecuted[] = [
  {
    because:
      'the reference has to end its text before the last recorded row, which ours do not; the toys of write-run.system.test.ts do',
    codes: ['ROWS_NOT_REACHED'],
  },
  {
    because: 'a fault of ours: it has no hint but to report it, and no command line leads there',
    codes: [
      ...['INTERNAL', 'PLAN_TOO_LONG', 'SYNTHETIC_ROLE', 'REFERENCE_TENSOR', 'SAFETENSORS_STREAM', 'SAFETENSORS_NAME'],
      ...['RECORDING_WRITER', 'RECORDING_WRITE', 'RECORDING_DTYPE', 'SOURCE_CALL', 'MATRIX_LENGTH', 'ATTENTION_EMPTY'],
      ...['WEIGHTS_NOT_LOADED', 'MATMUL_SHAPE', 'HEAP_FREE', 'ELTWISE_SHAPE', 'L1_ACC_FORMAT', 'INTERMEDIATE_FORMAT'],
      ...['IN0_BLOCK_W', 'BLOCK_LENGTH', 'DTYPE_LENGTH', 'DTYPE_NOT_INTEGER', 'DTYPE_RANGE', 'VIEW_LENGTH', 'VIEW_ROW'],
      ...['PAIRED_LENGTHS', 'COMPARISON_ORDER', 'BASELINE_NOT_WHOLE'],
    ],
  },
  {
    because:
      'only a program that calls the library gets it: the command line refuses the cause earlier, by another code',
    codes: [
      ...['REFERENCE_LENGTH', 'REFERENCE_CLOSED', 'REFERENCE_TOO_LONG', 'REFERENCE_TOKEN_ID', 'REFERENCE_TAP'],
      ...['REFERENCE_OPTION', 'CHECKPOINT_MATRIX', 'CHECKPOINT_TENSOR', 'CHECKPOINT_ROWS', 'SAFETENSORS_TENSOR'],
      ...['ROW_LENGTH', 'PLAN_EMPTY', 'PROMPT_NAME_TWICE', 'TOKEN_ID', 'VOCABULARY_DIFFERS', 'RECORDING_AMBIGUOUS'],
      ...['KERNEL_THREADS', 'RUN_SPEC', 'CHECKPOINT_RANK'],
    ],
  },
  {
    because:
      'a side that is broken while it runs, which no file or option of ours can make; the unit tests have toy sides',
    codes: [
      'CONTEXT_DIFFERS',
      'SOURCE_CONTRACT',
      'REFERENCE_FAULT',
      'DEVICE_FAULT',
      'STEP_TIMEOUT',
      'DEVICE_NOT_FINITE',
      'BATCHES_DIFFER',
      'REPEAT_ROWS',
    ],
  },
  {
    because: 'a fault of the machine: its disk, memory, threads, or of something that writes into a file in use',
    codes: [
      ...['DISK_FULL', 'KERNEL_MEMORY', 'KERNEL_WORKER', 'KERNEL_TRAP', 'REFERENCE_RUNTIME', 'CHECKPOINT_CHANGED'],
      ...['WEIGHT_CACHE_FILE'],
    ],
  },
  {
    because: 'the package itself is damaged, and is installed or built again',
    codes: ['KERNELS_NOT_BUILT', 'PACKAGE_BROKEN'],
  },
  {
    because:
      'the command tries again for half a minute before it says so; the unit tests of the download have a clock of their own',
    codes: ['HUB_UNREACHABLE', 'DOWNLOAD_INTERRUPTED'],
  },
  {
    because:
      'two runs of the same files that say other numbers, which no file or option of ours can make; merge-runs.property.test.ts has toys',
    codes: ['MERGE_ROWS'],
  },
  {
    because: 'a state of a merged run; shards.system.test.ts types the command that it names',
    codes: ['SHARDS_MISSING'],
  },
  {
    because: 'a state of a run, not an error with a hint; streams.system.test.ts interrupts a process and goes on',
    codes: ['INTERRUPTED', 'RUN_UNFINISHED'],
  },
  {
    because: 'it takes a file of gigabytes',
    codes: ['ZIP_TOO_LARGE', 'SYNTHETIC_SIZE', 'SELFTEST_TOO_LARGE'],
  },
  {
    because: 'doctor lists it in its table as one of many files; the next step is the layout in a README',
    codes: ['VECTOR_NAME', 'VECTOR_CONFIG', 'VECTOR_SIZE'],
  },
  {
    because: 'a forger has to make every digest good again; replay-command.system.test.ts does',
    codes: ['BUNDLE_DIFFERS'],
  },
  {
    because: 'the two sides consumed different tokens, which no file or option of ours makes them do',
    codes: ['BUNDLE_CONTEXT'],
  },
];
