// The whole JUnit file of a run in which everything happened, and what differs in others.
import { describe, expect, it } from 'vitest';
import type { PromptRecord, RunRecord } from '../record/run-record.ts';
import { brokenPrompt, failedPrompt, failedRun, failedRunHighlights, missingPrompt } from './failed-run.fixture.ts';
import { junitXml } from './junit.ts';
import {
  caseExample,
  highlightsOf,
  promptExample,
  runExample,
  tokenExample,
  variantExample,
} from './run-record.fixture.ts';
import { unstartedJunit, unstartedMarkdown } from './unstarted.ts';

const runOf = (...prompts: PromptRecord[]): RunRecord =>
  runExample({ cases: [caseExample({ variants: [variantExample({ prompts })] })] });

describe('junitXml', () => {
  it('has a case for each prompt and rule, with what failed, broke and did not run', () => {
    expect(junitXml(failedRun, failedRunHighlights)).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="qwen-pcc" tests="9" failures="2" errors="2" skipped="3" time="61.500">
  <testsuite name="general" tests="4" failures="1" errors="1" skipped="1">
    <properties>
      <property name="device" value="N150 device model"/>
      <property name="reference" value="ONNX reference"/>
      <property name="weightsSha256" value="abc"/>
      <property name="note" value="a &lt;note&gt;"/>
    </properties>
    <testcase classname="general" name="sotu" time="1.250">
      <properties>
        <property name="tokens" value="4"/>
        <property name="tokensPlanned" value="6"/>
        <property name="pccMin" value="0.91000"/>
        <property name="klMeanNats" value="0.012345"/>
        <property name="top1" value="0.875"/>
        <property name="lens" value="report.html#/general/n150/sotu"/>
      </properties>
    </testcase>
    <testcase classname="general" name="fails[1]" time="1.250">
      <properties>
        <property name="tokens" value="6"/>
        <property name="tokensPlanned" value="6"/>
        <property name="pccMin" value="0.91000"/>
        <property name="klMeanNats" value="0.012345"/>
        <property name="top1" value="0.875"/>
        <property name="lens" value="report.html#/general/n150/fails/3?user=1"/>
      </properties>
      <failure message="3 of 6 tokens failed" type="failPcc">position 3, token &quot;x&quot;: failPcc; PCC 0.50000; KL 0.00100 nat; PCC 0.5 &lt; 0.79
position 5 (decode step 1), token &quot;a|b&quot;: failKl; PCC 0.99900
… and 1 more in run.jsonl</failure>
    </testcase>
    <testcase classname="general" name="breaks" time="1.250">
      <properties>
        <property name="tokens" value="6"/>
        <property name="tokensPlanned" value="8"/>
        <property name="pccMin" value="0.91000"/>
        <property name="klMeanNats" value="0.012345"/>
        <property name="top1" value="0.875"/>
        <property name="lens" value="report.html#/general/n150/breaks"/>
      </properties>
      <error message="the device is gone." type="notJudged">the device is gone.
  hint: look for it.
2 planned tokens not judged</error>
    </testcase>
    <testcase classname="general" name="never" time="0.000">
      <properties>
        <property name="tokens" value="0"/>
        <property name="tokensPlanned" value="6"/>
        <property name="pccMin" value="none"/>
        <property name="klMeanNats" value="none"/>
        <property name="top1" value="none"/>
      </properties>
      <skipped message="not run"/>
    </testcase>
  </testsuite>
  <testsuite name="gate" tests="5" failures="1" errors="1" skipped="2">
    <properties>
      <property name="verdict" value="fail: pcc-minimum: 1 of 6 tokens"/>
      <property name="coverage" value="coverage: 2 prompts of 4 · prefill 4, decode 2, skipped 4 · 2 of 4 rules judged · without a judgement: never, few"/>
    </properties>
    <testcase classname="gate" name="holds" time="0"/>
    <testcase classname="gate" name="pcc-minimum" time="0"><failure message="pcc 0.5, wanted &gt;= 0.79 (token, all; 1 of 6 broke it)" type="compat">the original test asks for it</failure></testcase>
    <testcase classname="gate" name="finite" time="0"><error message="pcc 3, wanted &lt;= 0 (token, all; 2 of 6 broke it)" type="hard">the original test asks for it</error></testcase>
    <testcase classname="gate" name="never" time="0"><skipped message="not triggered"/></testcase>
    <testcase classname="gate" name="few" time="0"><skipped message="too few tokens (6 of at least 50)"/></testcase>
  </testsuite>
</testsuites>
`);
  });

  it('tells variants of a case apart by their names', () => {
    const variants = [variantExample(), variantExample({ name: 'bf16' })];
    const xml = junitXml(runExample({ cases: [caseExample({ variants })] }), highlightsOf());
    expect([...xml.matchAll(/<testsuite name="([^"]+)"/g)].map(([, name]) => name)).toEqual([
      'general.n150',
      'general.bf16',
      'gate',
    ]);
    expect(xml).toContain('<testcase classname="general.bf16" name="sotu"');
  });

  it('goes by the names of the plan where nothing was opened, and has no time of a run that was killed', () => {
    const cases = [caseExample({ reference: null, variants: [variantExample({ source: null })] })];
    const xml = junitXml(runExample({ cases, durationMs: null }), highlightsOf());
    expect(xml).toContain('<property name="device" value="n150"/>');
    expect(xml).toContain('<property name="reference" value="tiny-qwen2"/>');
    expect(xml).toContain('<property name="weightsSha256" value=""/>');
    expect(xml).toContain('skipped="0" time="0.000">');
  });

  it('says why a prompt did not run, in one line', () => {
    const xml = junitXml(runOf({ ...missingPrompt, cause: 'stopped by <ctrl-c>.\n  hint' }), highlightsOf());
    expect(xml).toContain('<skipped message="stopped by &lt;ctrl-c&gt;."/>');
  });

  it('names the first failing token of a prompt that also broke', () => {
    const prompt = { ...brokenPrompt, tokensFailed: 1, tokensPlanned: 7 };
    const highlights = highlightsOf(tokenExample({ prompt: 'breaks', status: 'invalidShape', distribution: null }));
    expect(junitXml(runOf(prompt), highlights)).toContain(
      '<error message="the device is gone." type="invalidShape">position 0, token &quot;x&quot;: invalidShape; PCC 0.99900\n' +
        'the device is gone.\n  hint: look for it.\n1 planned token not judged</error>',
    );
  });

  it('says nothing of more failing tokens where there are none, nor of planned ones', () => {
    const prompt = { ...failedPrompt, tokensFailed: 1, tokensJudged: 1, tokensPlanned: 1 };
    const highlights = highlightsOf(tokenExample({ prompt: 'fails', user: 1, status: 'failKl' }));
    expect(junitXml(runOf(prompt), highlights)).toContain(
      '<failure message="1 of 1 token failed" type="failKl">position 0, token &quot;x&quot;: failKl; PCC 0.99900; KL 0.00100 nat</failure>',
    );
  });

  it('says none of numbers that no token of a prompt has', () => {
    const summary = { ...promptExample().summary!, pcc: null, klNats: null, top1: null };
    const xml = junitXml(runOf(promptExample({ summary })), highlightsOf());
    for (const name of ['pccMin', 'klMeanNats', 'top1'])
      expect(xml).toContain(`<property name="${name}" value="none"/>`);
  });

  it('has no attribute that a text can leave', () => {
    const xml = junitXml(runOf(promptExample({ name: 'a"<b>&' })), highlightsOf());
    expect(xml).toContain('name="a&quot;&lt;b&gt;&amp;"');
  });
});

describe('a run that did not start', () => {
  const failure = { code: 'FILE_UNREADABLE', message: 'a <b>: cannot be read.\n  hint: x', exitCode: 2 };

  it('is one error of one test', () => {
    expect(unstartedJunit(failure)).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="qwen-pcc" tests="1" failures="0" errors="1">
  <testsuite name="run" tests="1" failures="0" errors="1">
    <testcase classname="run" name="start" time="0">
      <error message="a &lt;b&gt;: cannot be read." type="FILE_UNREADABLE">a &lt;b&gt;: cannot be read.
  hint: x</error>
    </testcase>
  </testsuite>
</testsuites>
`);
  });

  it('is the message and the command as blocks that no Markdown is read in', () => {
    expect(unstartedMarkdown(failure, 'qwen-pcc validate')).toBe(`# qwen-pcc: error

The run did not start (FILE\\_UNREADABLE):

    a <b>: cannot be read.
      hint: x

    qwen-pcc validate
`);
  });
});
