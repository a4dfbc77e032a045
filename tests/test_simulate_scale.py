"""The orders of batches on many processes, of which the script simulates most."""

from __future__ import annotations

from collections.abc import Callable


def test_it_says_how_evenly_processes_work_and_what_plans_take(
    run_script: Callable[..., int | str | None], capsys
) -> None:
    words = ("--processes", 1, 6, "--rows-each", 1000, "--batch-seconds", 60, "--at-once", 2, "--plan", 20_000)
    assert run_script("simulate_scale", *words) == 0
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in capsys.readouterr().out.splitlines()]
    tables = [line for line in lines if line and line[0] in ("global", "streamed")]
    shares, plans = [dict(zip(lines[3], line, strict=True)) for line in tables[:4]], tables[4:]
    assert [(row["order"], row["processes"], row["really there"], row["rows"]) for row in shares] == [
        (order, str(count), str(min(2, count)), f"{count * 1000:,}")
        for count in (1, 6)
        for order in ("global", "streamed")
    ]
    assert all(row["once"] == "yes" and row["resumed"] == "exact" for row in shares)
    assert all(0 < float(row["waste"].rstrip("%")) < 12 for row in shares)
    assert [row["fetched"] for row in shares[1::2]] == ["1.00", "1.00"] and float(shares[2]["fetched"]) > 5
    assert [row[:2] for row in plans] == [["global", "20,000"], ["streamed", "20,000"]]
