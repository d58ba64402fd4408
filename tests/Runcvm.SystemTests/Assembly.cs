[assembly: AssemblyFixture(typeof(DockerEngine))]
// Machines compete for the CPUs: side by side every timeout would have to allow for all the others.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
