namespace Runcvm.FirecrackerDouble;

/// <summary>What Firecracker refuses, in the words of its errors.</summary>
internal sealed class FaultException(string message) : Exception(message);
