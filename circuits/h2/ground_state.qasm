OPENQASM 3.0;
include "stdgates.inc";
// h2: 4 qubits, 19 gates
// imaginary time up to 20: grown 0: Y0 X1 X2 X3
// q[0] is the least significant bit of an outcome
qubit[4] q;
x q[0];
x q[2];
sdg q[0];
h q[0];
h q[1];
h q[2];
h q[3];
cx q[0], q[1];
cx q[1], q[2];
cx q[2], q[3];
rz(0.2235369983) q[3];
cx q[2], q[3];
cx q[1], q[2];
cx q[0], q[1];
h q[0];
s q[0];
h q[1];
h q[2];
h q[3];
