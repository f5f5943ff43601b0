"""What does a speech emotion network really hear? The library behind the pipeline in dvc.yaml."""
