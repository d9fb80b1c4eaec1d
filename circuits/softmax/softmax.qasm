OPENQASM 3.0;
include "stdgates.inc";
// softmax: 3 qubits, 10 gates
// q[0] is the least significant bit of an outcome
qubit[3] q;
bit[3] c;
h q[0];
h q[1];
ry(1.8572766323) q[2];
cx q[0], q[2];
ry(-0.870716666) q[2];
cx q[1], q[2];
ry(0.5696817245) q[2];
cx q[0], q[2];
ry(0.4168782419) q[2];
cx q[1], q[2];
c = measure q;
