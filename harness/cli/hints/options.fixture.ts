// Hints about options and variables: typos, values out of range, combinations that no run can have.
import { type HintCase, type Room, swapped, without } from './hint-case.fixture.ts';

/** Writes what "did you mean X?" means in the place of a word of the call. */
const meant =
  (wrong: string, whole: (said: string) => string = (said) => said): HintCase['follow'] =>
  (_room, [said], args) =>
    swapped(args, wrong, whole(said!));
const MEANT = /^did you mean "?(.+?)"?\?$/;
const HELP = /in qwen-pcc (?:(\S+) )?--help/;
const askHelp: HintCase['follow'] = (_room, [command]) => [...(command === undefined ? [] : [command]), '--help'];
const inVariable =
  (name: string): HintCase['follow'] =>
  (_room, [value], args) => ({ args, environment: { [name]: value! } });
const withVariable = (name: string, value: string) => (room: Room) => ({
  args: room.validateIds(),
  environment: { [name]: value },
});

export const OPTION_CASES: readonly HintCase[] = [
  {
    code: 'REPEAT_FREE',
    wrong: (room) => room.validateIds('--repeat', '1', '--mode', 'free'),
    hint: /^leave --mode out, or leave --repeat out\.$/,
    follow: (_room, _said, args) => without(args, '--mode'),
  },
  {
    code: 'KNOB_TWICE',
    wrong: (room) => room.validateIds('--device', 'n150:kvFormat=BF16,kvFormat=BFP8_B'),
    hint: /write (\w+) once/,
    follow: (_room, [knob], args) => swapped(args, 'n150:kvFormat=BF16,kvFormat=BFP8_B', `n150:${knob}=BF16`),
  },
  {
    code: 'FAULT_UNKNOWN',
    wrong: (room) => [
      'selftest',
      '--weights',
      'general',
      '--prompts',
      room.ids(),
      '--max-new-tokens',
      '0',
      '--fault',
      'constant-rows',
    ],
    hint: MEANT,
    follow: meant('constant-rows'),
  },
  { code: 'COMMAND_MISSING', wrong: () => [], hint: HELP, follow: askHelp },
  { code: 'UNKNOWN_COMMAND', wrong: () => ['validat'], hint: HELP, follow: askHelp },
  { code: 'UNKNOWN_OPTION', wrong: () => ['doctor', '--weihgts', 'a'], hint: HELP, follow: askHelp },
  { code: 'OPTION_MISSING_ARGUMENT', wrong: () => ['doctor', '--weights'], hint: HELP, follow: askHelp },
  { code: 'MISSING_ARGUMENT', wrong: () => ['synthesize', '--like', 'Qwen2-7B'], hint: HELP, follow: askHelp },
  { code: 'EXCESS_ARGUMENTS', wrong: () => ['doctor', 'a'], hint: HELP, follow: askHelp },
  { code: 'MISSING_MANDATORY_OPTION_VALUE', wrong: () => ['get-weights'], hint: HELP, follow: askHelp },
  {
    code: 'CONFLICTING_OPTION',
    wrong: ({ folder }) => ['get-weights', '--weights_path', folder, '--instruct', '--repo', 'a/b'],
    hint: HELP,
    follow: askHelp,
  },
  {
    code: 'OPTION_VALUE',
    what: 'a word',
    wrong: (room) => room.validateIds('--mode', 'teach'),
    hint: MEANT,
    follow: meant('teach'),
  },
  {
    code: 'OPTION_VALUE',
    what: 'a number',
    wrong: (room) => room.validateIds('--threshold', '79'),
    hint: /--threshold (\S+)\.$/,
    follow: meant('79'),
  },
  {
    code: 'OPTION_VALUE',
    what: 'threads',
    wrong: (room) => room.validateIds('--threads', '0'),
    hint: /--threads (\d+);/,
    follow: meant('0'),
  },
  {
    code: 'OPTION_VALUE',
    what: 'bytes',
    wrong: (room) => room.validateIds('--memory', '8 gigabytes'),
    hint: /--memory (\S+)\.$/,
    follow: meant('8 gigabytes'),
  },
  {
    code: 'OPTION_VALUE',
    what: 'a device',
    wrong: (room) => room.validateIds('--device', 'n15:kvFormat=BF16'),
    hint: MEANT,
    follow: meant('n15:kvFormat=BF16'),
  },
  {
    code: 'OPTION_VALUE',
    what: 'a word that is no device',
    wrong: (room) => room.validateIds('--device', 'silicon'),
    hint: /^write --device (\S+), or/,
    follow: meant('silicon'),
  },
  {
    code: 'OPTION_VALUE',
    what: 'weights of the demo',
    wrong: (room) => ['demo', '--weights', 'instuct', '--max-new-tokens', '1', '--out', room.path('demo.json')],
    hint: MEANT,
    follow: meant('instuct'),
  },
  {
    code: 'LOGITS_FORMAT',
    wrong: (room) => room.validateIds('--logits-format', 'BFP8'),
    hint: MEANT,
    follow: meant('BFP8'),
  },
  {
    code: 'UNKNOWN_KNOB',
    wrong: (room) => room.validateIds('--device', 'n150:tir=exact'),
    hint: MEANT,
    follow: meant('n150:tir=exact', (knob) => `n150:${knob}=exact`),
  },
  {
    code: 'UNKNOWN_KNOB',
    what: 'like no other',
    wrong: (room) => room.validateIds('--device', 'n150:xyzzy=1'),
    hint: /^qwen-pcc (validate --help) lists every knob/,
    follow: (_room, [words]) => words!.split(' '),
  },
  {
    code: 'KNOB_VALUE',
    wrong: (room) => room.validateIds('--device', 'n150:kvFormat=BF17'),
    hint: MEANT,
    follow: meant('n150:kvFormat=BF17', (value) => `n150:kvFormat=${value}`),
  },
  {
    code: 'KNOB_VALUE',
    what: 'a chunk of no whole tiles',
    wrong: (room) => room.validateIds('--device', 'n150:sdpaChunk=33'),
    hint: /the demo uses (sdpaChunk=\d+)/,
    follow: meant('n150:sdpaChunk=33', (knob) => `n150:${knob}`),
  },
  ...(
    [
      'intermediateFormat=FP32,fp32DestAcc=false',
      'intermediateFormat=BFP8_B,packerL1Acc=true',
      'sdpaFp32DestAcc=true,sdpaKernel=2024',
      'normFp32DestAcc=false,rmsLayout=sharded',
    ] as const
  ).flatMap((knobs): HintCase[] =>
    // Each of the two ways out: the knob that the hint names takes the place of the one that was given.
    [/^set (\S+?),? /, /, or (\S+)$/].map((hint) => ({
      code: 'KNOB_COMBINATION',
      what: `${knobs}, ${hint === undefined ? '' : hint.source}`,
      wrong: (room) => room.validateIds('--device', `n150:${knobs}`),
      hint,
      follow: (_room, [knob], args) => {
        const [name] = knob!.split('=');
        const kept = knobs.split(',').filter((one) => !one.startsWith(`${name}=`));
        return swapped(args, `n150:${knobs}`, `n150:${[...kept, knob].join(',')}`);
      },
    })),
  ),
  {
    code: 'FAKE_DEVICE',
    wrong: withVariable('FAKE_DEVICE', 'N300'),
    hint: /FAKE_DEVICE=(\w+)\.$/,
    follow: inVariable('FAKE_DEVICE'),
  },
  {
    code: 'CORE_DESCRIPTOR_UNKNOWN',
    wrong: withVariable('WH_ARCH_YAML', 'wormhole_b0_80_arch_eth_dispach.yaml'),
    hint: MEANT,
    follow: inVariable('WH_ARCH_YAML'),
  },
  {
    code: 'CORE_DESCRIPTOR_MALFORMED',
    wrong: (room) => withVariable('WH_ARCH_YAML', room.write('other.yaml', 'a: 1\n'))(room),
    hint: /WH_ARCH_YAML=(\S+\.yaml)\.$/,
    follow: inVariable('WH_ARCH_YAML'),
  },
  {
    code: 'DEVICE_TWICE',
    wrong: (room) => room.validateIds('--device', 'n150', '--device', 'n150:threads=1'),
    hint: /give each --device another knob/,
    follow: (_room, _said, args) => swapped(args, 'n150:threads=1', 'n150:kvFormat=BF16'),
  },
  {
    code: 'FREE_VARIANTS',
    wrong: (room) => room.validateIds('--mode', 'free', '--device', 'n150', '--device', 'n150:kvFormat=BF16'),
    hint: /give one --device a run/,
    follow: (_room, _said, args) => without(args, '--device'),
  },
  {
    code: 'FREE_RECORDING',
    wrong: (room) => room.validateIds('--mode', 'free', '--device', 'capture:rows.safetensors'),
    hint: /leave --mode out/,
    follow: (_room, _said, args) => without(args, '--mode'),
    leadsTo: 'FILE_UNREADABLE',
  },
  {
    code: 'LADDER_MODE',
    what: 'free',
    wrong: (room) => room.validateIds('--ladder', '--mode', 'free'),
    hint: /leave --mode free or --ladder out/,
    follow: (_room, _said, args) => without(args, '--mode'),
  },
  {
    code: 'LADDER_MODE',
    what: 'bfloat16',
    wrong: (room) => room.validateIds('--ladder', 'n150', '--precision', 'bf16'),
    hint: /leave --precision bf16 out/,
    follow: (_room, _said, args) => without(args, '--precision'),
  },
  {
    code: 'LADDER_NAME',
    wrong: (room) => {
      const names = ['a', 'a/weights'];
      const variants = names.map((name, i) => ({ name, device: `n150:skipLayer=${i}` }));
      return room.validateIds('--ladder', 'n150', '--config', room.write('rules.json', { variants }));
    },
    hint: /or leave --ladder out/,
    follow: (_room, _said, args) => without(args, '--ladder'),
  },
  {
    code: 'LADDER_DEVICE',
    wrong: (room) => room.validateIds('--ladder', 'capture:rows.safetensors'),
    hint: /write --device \S+ --ladder (n150)\./,
    follow: (_room, [ladder], args) => swapped(args, 'capture:rows.safetensors', ladder!),
  },
];
