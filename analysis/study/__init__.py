"""What a declared study is asked: run, tables, warnings."""
