// Where to look next: the command that runs this token again with the taps of every layer, and what it answers.
import { commandOf, copyText } from './copying.ts';
import type { TokenView } from './views.ts';

export function WhyTab({ report, sequence, spine, token }: TokenView) {
  const command = commandOf(report, sequence.index, spine.position[token]!);
  return (
    <>
      <p>
        A run compares logits. Which layer they were lost in, this token tells when it runs again, with a tap behind
        every layer on both sides:
      </p>
      <Command text={command} />
      <p>
        It prints the PCC and the relative error of every tap and names the first below its minimum. An attention tap
        points at keys, values and positions; an MLP tap at SiLU and the wide matmuls.
      </p>
      <p>To see what one knob of the device is worth for this token, change it and run it again:</p>
      <Command text={`${command} --device n150:kvFormat=BF16`} />
      <p>Without the checkpoint, as stored:</p>
      <Command text={`${command} --stored`} />
      <p>The whole run:</p>
      <Command text={report.head.command} />
    </>
  );
}

function Command({ text }: { readonly text: string }) {
  return (
    <p class="command-line">
      <code>{text}</code>
      <button type="button" onClick={() => void copyText(text, 'the command')}>
        Copy
      </button>
    </p>
  );
}
