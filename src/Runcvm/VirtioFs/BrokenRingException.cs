namespace Runcvm.VirtioFs;

/// <summary>The guest, or its hypervisor, broke the rules of the rings.</summary>
internal sealed class BrokenRingException(string message) : Exception(message);
