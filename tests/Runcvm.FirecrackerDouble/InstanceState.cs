namespace Runcvm.FirecrackerDouble;

/// <summary>As `GET /` shows it.</summary>
internal enum InstanceState
{
    NotStarted,
    Running,
    Paused,
}
