"""spantune: fine-tune extractive question-answering models on your own documents, and trust the numbers."""
