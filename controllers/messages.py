"""How the traffic of a scheme is counted, so that schemes can be compared.

One message carries one number from one agent, meter or device to another: who it is from and about
what (4 bytes each, whatever the transport adds) and the number itself in double precision.
Messages to several receivers count once for each.
"""

MESSAGE_SIZE_BYTES = 16
