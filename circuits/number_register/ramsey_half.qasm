OPENQASM 3.0;
include "stdgates.inc";
// ramsey: 3 qubits, 9 gates
// 0 to 7 neurons in superposition, each of which has turned the phase by half a turn
// q[0] is the least significant bit of an outcome
qubit[3] q;
h q[0];
p(3.1415926536) q[0];
h q[0];
h q[1];
p(6.2831853072) q[1];
h q[1];
h q[2];
p(12.5663706144) q[2];
h q[2];
