"""Circuit builders as functions; beside ansaetze and backends the only room that imports Qiskit."""
