"""The figures as people and programs read them: medians, ratios of the rounds' pairs, bars, and the machine they were taken on."""
import datetime
import os
import platform
import re
import statistics
import subprocess

from works import PEERS

# For each table its markers in the README and its columns; a gateway that takes part in several guises is shown by its best one.
TABLES = {
    'proxy': (('<!-- last run -->', '<!-- end of last run -->'), ('tidegate', 'nginx', 'haproxy', 'envoy', 'caddy')),
    'cache': (('<!-- last cache run -->', '<!-- end of last cache run -->'), ('tidegate', 'nginx', 'haproxy', 'varnish')),
}
GUISES = ('', '-big', '-2', '-sendfile')


def values(rounds):
    return [sample['value'] for sample in rounds if sample]


def median(rounds):
    return statistics.median(values(rounds)) if values(rounds) else None


def ratio(rounds, base):
    """Median over the rounds in which both were measured: a pair shares the machine's mood of that minute."""
    pairs = [a['value'] / b['value'] for a, b in zip(rounds, base) if a and b and b['value'] > 0]
    return statistics.median(pairs) if pairs else None


def judged(row):
    """The row's outcome: best peer, the subject's figure against the bar, and whether it holds."""
    peers = [n for n in row.rounds if n in (row.rivals or PEERS) and median(row.rounds[n]) is not None]
    best = min(peers, key=lambda n: median(row.rounds[n])) if peers else None
    base = {'best': best, 'value': None}.get(row.versus, row.versus)
    mine = row.rounds.get(row.subject, [])
    if row.versus == 'value':
        figure = max(values(mine), default=None) if row.worst else median(mine)
    else:
        figure = ratio(mine, row.rounds[base]) if base in row.rounds else None
    failed = sum(sample['failed'] for sample in mine if sample)
    whole = bool(mine) and all(mine) and not failed
    if row.bar is None or row.subject not in {*row.rounds, *row.left_out} or (whole and figure is None):
        holds = None  # nothing to hold, nobody to hold it, or nobody to compare with
    else:
        holds = whole and figure is not None and figure <= row.bar
    return dict(best=best, base=base, figure=figure, failed=failed, holds=holds)


def table(row):
    """One row of the issue's table with a line for each gateway."""
    outcome = judged(row)
    lines = [f'\n{row.title}', f'  {"":14}{row.unit:>10}{"min":>10}{"max":>10}{"/ " + (outcome["base"] or outcome["best"] or "-"):>16}']
    for name, rounds in row.rounds.items():
        got = values(rounds)
        if not got:
            lines.append(f'  {name:14}  answered too little' + (f' ({row.notes[name]})' if name in row.notes else ''))
            continue
        against = ratio(rounds, row.rounds.get(outcome['base'] or outcome['best'], []))
        failed = sum(sample['failed'] for sample in rounds if sample)
        lines.append(f'  {name:14}{median(rounds):10.2f}{min(got):10.2f}{max(got):10.2f}{against or float("nan"):16.3f}'
                     + (f'  {failed} failed' if failed else '') + (f'  ({row.notes[name]})' if name in row.notes else ''))
    lines += [f'  {name:14}  left out: {reason}' for name, reason in row.left_out.items()]
    if row.bar is not None:
        shown = 'not measured' if outcome['figure'] is None else f'{outcome["figure"]:.3f}'
        unit = f' {row.unit}' if row.versus == 'value' else f' x {outcome["base"]}'
        lines.append(f'  bar: <= {row.bar:g}{unit}; {row.subject}: {shown} {verdict(outcome)}')
    return '\n'.join(lines)


def verdict(outcome):
    return {True: 'pass', False: 'FAIL', None: '-'}[outcome['holds']]


def tables(rows):
    """The tables that these rows belong to."""
    return [name for name in TABLES if any(row.table == name for row in rows)]


def summary(rows, name):
    """A table of the README, in Markdown."""
    columns = TABLES[name][1]
    lines = ['| work | ' + ' | '.join(columns) + ' | ratio | bar | |', '|---' * (len(columns) + 4) + '|']
    for row in rows:
        if row.bar is None or row.table != name:
            continue
        outcome = judged(row)

        def cell(name):
            figures = [median(row.rounds[n]) for n in (name + guise for guise in GUISES) if n in row.rounds]
            figures = [f for f in figures if f is not None]
            return f'{min(figures):.2f}' if figures else '–'
        figure = '–' if outcome['figure'] is None else f'{outcome["figure"]:.3f}'
        against = '' if row.versus == 'value' else f' × {outcome["base"]}'
        cells = [f'{row.title}, {row.unit}', *map(cell, columns), figure, f'≤ {row.bar:g}{against}', verdict(outcome)]
        lines.append('| ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines)


def first_line(command, pattern=r'.*'):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(pattern, (done.stdout + done.stderr).strip())
    return found[0] if found else None


def circumstances(settings):
    """Machine, versions and commit."""
    with open('/proc/cpuinfo') as f:
        model = re.search(r'model name\s*: (.*)', f.read())
    version = {
        'nginx': (['nginx', '-v'], r'[\d.]+$'), 'haproxy': (['haproxy', '-v'], r'\d[\d.]+'), 'wrk': (['wrk', '-v'], r'(?<=wrk )\S+'),
        'envoy': ([settings.find('envoy'), '--version'], r'\d+\.\d+\.\d+(?=/)'), 'caddy': ([settings.find('caddy'), 'version'], r'v[\d.]+'),
        'varnish': ([settings.find('varnish'), '-V'], r'(?<=varnish-)[\d.]+\d'),
        'openssl': (['openssl', 'version'], r'\d[\d.]+'), 'tidegate': ([settings.find('tidegate'), 'version'], r'.*'),
        'h2load': (['h2load', '--version'], r'\d[\d.]+')}
    git = ['git', '-C', settings.root]
    return dict(
        taken=datetime.datetime.now(datetime.timezone.utc).strftime('%Y-%m-%d %H:%M UTC'),
        commit=first_line([*git, 'rev-parse', '--short=12', 'HEAD'], r'^[0-9a-f]{12}$'),
        dirty=bool(first_line([*git, 'status', '--porcelain', '--untracked-files=no'], r'.+')),
        cpu=model[1] if model else platform.machine(), cpus=os.cpu_count(), kernel=platform.release(),
        load=round(os.getloadavg()[0], 2), pinning=settings.pinning(), network=settings.network, rounds=settings.rounds, seconds=settings.seconds,
        versions={name: first_line(*how) for name, how in version.items() if how[0][0]})


def busy(c):
    """A warning when the machine had other work at the start, else nothing."""
    return f'\nThe machine is busy (load {c["load"]}): the figures will be unsteady.' if c['load'] > 0.7 else ''


def headline(c):
    versions = ', '.join(f'{name} {text}' for name, text in c['versions'].items() if text)
    commit = (c['commit'] or 'no commit') + (' with changes' if c['dirty'] else '')
    return (f'{c["taken"]}, {commit}; {c["cpu"]}, {c["cpus"]} CPUs, Linux {c["kernel"]}, load {c["load"]} at the start; {c["pinning"]}; {c["network"]}; '
            f'{c["rounds"]} x {c["seconds"]} s; {versions}')


def keep(readme, rows, c):
    """Puts the run between its tables' markers in the README."""
    with open(readme) as f:
        text = f.read()
    for name in tables(rows):
        first, last = TABLES[name][0]
        before, rest = text.split(first, 1)
        after = rest.split(last, 1)[1]
        text = f'{before}{first}\n{headline(c)}\n\n{summary(rows, name)}\n{last}{after}'
    with open(readme, 'w') as f:
        f.write(text)
