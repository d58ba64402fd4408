namespace Runcvm.VirtioFs;

/// <summary>Where the answer to a request goes that waits.</summary>
/// <param name="Head">the ring's number for the request</param>
/// <param name="Room">addresses in the guest, and bytes</param>
internal sealed record RingAnswer(ushort Head, (ulong Address, uint Length)[] Room);
